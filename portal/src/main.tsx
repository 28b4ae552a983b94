import "@cloudscape-design/global-styles/index.css";
import "./app/app.css";
import Alert from "@cloudscape-design/components/alert";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { startTheme } from "./app/theme";
import { cognitoGateway } from "./auth/gateway";
import { loadConfig } from "./config";

startTheme();
const element = document.getElementById("root");
if (element === null) throw new Error("index.html has no #root");
const root = createRoot(element);
try {
  const config = await loadConfig();
  root.render(
    <StrictMode>
      <App gateway={cognitoGateway(config)} apiUrl={config.api_url} />
    </StrictMode>,
  );
} catch (error) {
  root.render(
    <Alert type="error" header="The portal cannot start">
      {error instanceof Error ? error.message : String(error)}
    </Alert>,
  );
}
