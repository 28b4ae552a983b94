import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { mockMesh } from "./tests/mock/plugin.ts";

// What CloudFront sends (modules/data-portal): a page that breaks it breaks in `npm run preview` already.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Cloudscape's fonts lie inside its style sheet, which blocks the first paint: make files of them, fetched when used. */
function fontFiles(): Plugin {
  return {
    name: "font-files",
    apply: "build",
    generateBundle(_options, bundle) {
      for (const asset of Object.values(bundle)) {
        if (asset.type !== "asset" || !asset.fileName.endsWith(".css")) continue;
        asset.source = String(asset.source).replace(
          /url\("?data:font\/woff2;[^,]*base64,([A-Za-z0-9+/=]+)"?\)/g,
          (_whole, data: string) => {
            const source = Buffer.from(data, "base64");
            const reference = this.emitFile({ type: "asset", name: "open-sans.woff2", source });
            return `url("/${this.getFileName(reference)}")`;
          },
        );
      }
    },
  };
}

// `--mode mock` answers the API and the sign-in from tests/mock, so that pages can be looked at without a mesh.
// It never becomes part of a build: it is a middleware of the servers.
export default defineConfig(({ mode }) => ({
  plugins: [react(), fontFiles(), ...(mode === "mock" ? [mockMesh()] : [])],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    sourcemap: false,
    chunkSizeWarningLimit: 1_500,
    // A page is a file of its own; libraries change together, and a hundred small files are a hundred objects to apply.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "cloudscape", test: /node_modules[\\/]@cloudscape-design/ },
            { name: "libraries", test: /node_modules/ },
            { name: "common", test: /[\\/]src[\\/](api|app|auth|components)[\\/]/ },
          ],
        },
      },
    },
  },
  preview: { headers: { "Content-Security-Policy": CONTENT_SECURITY_POLICY, "X-Content-Type-Options": "nosniff" } },
  test: {
    environment: "jsdom",
    include: ["tests/unit/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/unit/setup.ts"],
    server: { deps: { inline: [/@cloudscape-design/] } },
    restoreMocks: true,
    // Cloudscape is slow in jsdom, more so on a busy machine.
    testTimeout: 30_000,
  },
}));
