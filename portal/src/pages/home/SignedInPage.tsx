import { Navigate } from "react-router";
import { paths } from "@/app/paths";

/** `/sign-in` is the form for whoever is signed out; all others have nothing to do there. */
export default function SignedInPage() {
  return <Navigate to={paths.home} replace />;
}
