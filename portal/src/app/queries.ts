import { QueryClient } from "@tanstack/react-query";
import { asProblem } from "@/api/problem";

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 3_000,
        retry: (failures, error) => asProblem(error).temporary && failures < 2,
        retryDelay: (attempt, error) => {
          const asked = asProblem(error).retryAfter;
          return asked === null ? Math.min(1_000 * 2 ** attempt, 8_000) : Math.min(asked * 1_000, 30_000);
        },
      },
      mutations: { retry: false },
    },
  });
}
