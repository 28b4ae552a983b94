/** How often pages look again. TanStack Query pauses this in hidden tabs and looks at once when a tab comes back. */

/** For what moves while somebody watches: an operation that was just started. */
export const FAST = 1_500;
/** For pages on which things happen: approvals, requests, executions. */
export const LIVE = 4_000;
/** For what changes now and then: lists of domains and products. */
export const CALM = 15_000;
