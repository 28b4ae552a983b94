/** Lists by cursor, read page after page. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

interface PageOf<T> {
  items: T[];
  next_cursor?: string | null;
}

/**
 * Read a list. `read` gets the cursor of the page (undefined: the first). All pages that were read are read again every
 * `every` milliseconds.
 */
export function usePages<T>(
  queryKey: readonly unknown[],
  read: (cursor: string | undefined) => Promise<PageOf<T>>,
  { every, enabled = true }: { every: number | false; enabled?: boolean },
) {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: every,
    placeholderData: keepPreviousData,
    enabled,
  });
  return { ...query, data: query.data?.pages.flatMap(({ items }) => items) };
}
