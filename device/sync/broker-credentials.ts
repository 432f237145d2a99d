import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { LinkReason } from "./broker-failure.ts";

export interface CredentialFiles {
  readonly username?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
}

export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly caPem: string | undefined;
}

/**
 * Reads what the files hold. Done before each connection, so that a changed password or authority needs no restart.
 * One line end at the end of the password file is the editor's, not the password's.
 */
export async function readCredentials(files: CredentialFiles): Promise<Credentials | LinkReason> {
  const password = await readText(files.passwordFile);
  if (password === null) return "password-file-unreadable";
  const caPem = await readText(files.caFile);
  if (caPem === null || (caPem !== undefined && !holdsCertificate(caPem))) return "ca-file-unreadable";
  return { username: files.username, password: password?.replace(/\r?\n$/, ""), caPem };
}

/** @returns null when there is a path but nothing can be read from it. */
async function readText(path: string | undefined): Promise<string | undefined | null> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch {
    // The reason code tells the operator which file; the cause (missing, rights) is plain from looking at it.
    return null;
  }
}

/** OpenSSL passes over what is no certificate, and every broker would then look untrusted. */
function holdsCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
