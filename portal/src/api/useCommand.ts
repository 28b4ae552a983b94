/**
 * Mutations. Every one carries an Idempotency-Key: whoever presses again after an answer got lost sends the same command,
 * not a second one. Another input, or a new try after an answer, is a new command.
 */
import { useMutation, useQueryClient, type UseMutationResult } from "@tanstack/react-query";
import { useRef } from "react";
import { asProblem, type ApiProblem } from "./problem";

export type CommandHeaders = { "Idempotency-Key": string };

interface Attempt {
  input: string;
  key: string;
}

/** Return the key of an attempt: the earlier one's if that had no answer and asked for just the same. */
export function attemptFor(input: unknown, earlier: Attempt | null): Attempt {
  const text = JSON.stringify(input) ?? "";
  return earlier?.input === text ? earlier : { input: text, key: crypto.randomUUID() };
}

export function useCommand<Input, Output>(
  send: (input: Input, headers: CommandHeaders) => Promise<Output>,
  options: { onSuccess?: (output: Output, input: Input) => void; invalidates?: readonly (readonly unknown[])[] } = {},
): UseMutationResult<Output, ApiProblem, Input> {
  const unanswered = useRef<Attempt | null>(null);
  const queries = useQueryClient();
  return useMutation<Output, ApiProblem, Input>({
    mutationFn: async (input) => {
      const attempt = attemptFor(input, unanswered.current);
      unanswered.current = attempt;
      try {
        const output = await send(input, { "Idempotency-Key": attempt.key });
        unanswered.current = null;
        return output;
      } catch (error) {
        const problem = asProblem(error);
        if (!problem.temporary) unanswered.current = null;
        throw problem;
      }
    },
    onSuccess: (output, input) => {
      for (const key of options.invalidates ?? []) void queries.invalidateQueries({ queryKey: key });
      options.onSuccess?.(output, input);
    },
  });
}
