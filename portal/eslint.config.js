import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config({ ignores: ["dist", "node_modules", "src/api/schema.d.ts"] }, js.configs.recommended, {
  files: ["**/*.{ts,tsx}"],
  extends: [
    ...tseslint.configs.strictTypeChecked,
    jsxA11y.flatConfigs.strict,
    reactHooks.configs.flat["recommended-latest"],
  ],
  languageOptions: {
    globals: globals.browser,
    parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
  },
  rules: {
    "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
    // A null check too many does no harm beside an API that is a little older or newer.
    "@typescript-eslint/no-unnecessary-condition": "off",
    "@typescript-eslint/consistent-type-imports": "error",
    // One component per import keeps each page's bundle to what it shows.
    "no-restricted-imports": ["error", { paths: ["@cloudscape-design/components", "aws-amplify"] }],
    // The content security policy forbids them.
    "no-eval": "error",
    "no-restricted-syntax": [
      "error",
      { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Texts are rendered as text." },
      { selector: "JSXOpeningElement[name.name='style']", message: "The content security policy forbids style tags." },
    ],
  },
});
