/** Codes of the mesh in words. */

/** Who did something, as history and ledger name them: `person:<address>`, `account:<id>`, `policy:<rule>`, `datamesh:<flow>`. */
export function actorText(actor: string): string {
  const [kind = "", ...rest] = actor.split(":");
  const who = rest.join(":");
  if (who === "") return actor;
  switch (kind) {
    case "person":
      return who;
    case "account":
      return `account ${who}`;
    case "policy":
      return `the approval policy, rule “${who}”`;
    case "datamesh":
      return `the mesh (${who.replaceAll("_", " ")})`;
    default:
      return actor;
  }
}

/** `DataProductRegistered` → `Data product registered`. */
export function camelWords(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const RELATIVE = new Intl.RelativeTimeFormat("en-GB", { numeric: "always" });

/** How far away a time is: `in 20 hours`, `3 days ago`. Below two days hours are said, below two hours minutes. */
export function distanceText(iso: string, now: number = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1_000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= 2 * length) return RELATIVE.format(Math.trunc(seconds / length), unit);
  }
  return seconds >= 0 ? "in a moment" : "a moment ago";
}

/** How long something took: `0.4 s`, `2 min 5 s`, `3 h 20 min`. */
export function durationText(from: string, to: string): string {
  const seconds = Math.max(0, (new Date(to).getTime() - new Date(from).getTime()) / 1_000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
