import { useEffect, useState } from "preact/hooks";

const SHOWN_FOR = 1500;

interface Props {
  href?: string;
  says?: string;
}

/** Copies a link, by default the page's address, which holds all of its state; absent where the browser forbids it. */
export function CopyLink({ href, says = "copy link" }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setCopied(false), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [copied]);
  if (!isSecureContext) return null;
  return (
    <button type="button" onClick={() => navigator.clipboard.writeText(href ?? location.href).then(() => setCopied(true))}>
      <span aria-live="polite">{copied ? "copied" : says}</span>
    </button>
  );
}
