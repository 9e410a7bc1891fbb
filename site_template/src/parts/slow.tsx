import { useEffect, useState } from "preact/hooks";
import { bytes } from "../draw/format.ts";
import { traffic } from "../store/fetch.ts";

const PATIENCE = 2000;
const EVERY = 500;

/** After two seconds: what is being fetched, and how much has come. */
export function Slow() {
  const [ticks, setTicks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTicks((n) => n + 1), EVERY);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="quiet slow" role="status">
      {ticks * EVERY >= PATIENCE && `still reading ${traffic.latest}: ${bytes(traffic.bytes)} in ${traffic.requests} requests so far`}
    </p>
  );
}
