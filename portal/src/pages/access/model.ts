interface PageOf<T> {
  items: readonly T[];
  next_cursor?: string | null;
}

const MAX_PAGES = 20;

/** Read a list to its end. What a domain may read is short; more than twenty pages are not looked at. */
export async function allPages<T>(read: (cursor: string | undefined) => Promise<PageOf<T>>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items, next_cursor } = await read(cursor);
    found.push(...items);
    if (next_cursor == null) break;
    cursor = next_cursor;
  }
  return found;
}
