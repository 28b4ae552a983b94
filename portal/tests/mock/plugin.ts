import type { Plugin } from "vite";
export function mockMesh(): Plugin {
  return { name: "mock-mesh" };
}
