import { createContext, useContext } from "react";
import type { AuthState } from "./machine";

export interface Auth {
  state: AuthState;
  signIn: (email: string, password: string) => Promise<void>;
  newPassword: (password: string) => Promise<void>;
  forgot: (email: string) => void;
  sendCode: (email: string) => Promise<void>;
  resetPassword: (code: string, password: string) => Promise<void>;
  /** Sign out, or go back to the sign-in form. */
  signOut: (notice?: string) => Promise<void>;
}

export const AuthContext = createContext<Auth | null>(null);

export function useAuth(): Auth {
  const auth = useContext(AuthContext);
  if (auth === null) throw new Error("useAuth outside of AuthProvider");
  return auth;
}
