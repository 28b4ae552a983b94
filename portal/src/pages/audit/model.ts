import type { LedgerEntry } from "@/api/types";

export type Kind = LedgerEntry["kind"];

/** Every kind of entry; the type makes sure that none is missing. */
const ALL: Record<Kind, true> = {
  PolicyInForce: true,
  AccessRequested: true,
  StageOpened: true,
  StageEscalated: true,
  StageExpired: true,
  VoteCast: true,
  VoteRefused: true,
  AccessApproved: true,
  AccessDenied: true,
  AccessExpired: true,
  AccessCancelled: true,
  AccessGranted: true,
  AccessProvisioned: true,
  AccessExtended: true,
  AccessNarrowed: true,
  AccessWidened: true,
  AccessEnding: true,
  AccessRevoked: true,
  AccessFailed: true,
  CommandRefused: true,
  SensitivityChanged: true,
  DriftFound: true,
  DriftHealed: true,
};
export const KINDS = Object.keys(ALL) as Kind[];

export function kindOf(text: string): Kind | null {
  return KINDS.find((kind) => kind === text) ?? null;
}

export function isRequestId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
