import type { ComponentChildren } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { asAtlasError } from "../store/errors.ts";
import { Failed } from "./failed.tsx";

/** What is inside; if drawing it fails, as an atlas that is not well formed can make it, why. */
export function Guard({ children }: { children: ComponentChildren }) {
  const [error, retry] = useErrorBoundary();
  return error === undefined ? <>{children}</> : <Failed error={asAtlasError(error)} retry={retry} />;
}
