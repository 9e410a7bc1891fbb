export const INCOMPLETE = "The copy of the atlas is not complete: copy it again, or run: atlas verify";

/** Why something can't be shown, in one line, and what would help. */
export class AtlasError extends Error {
  readonly remedy: string;
  /** Whether a key may help: the host of a private atlas may deny that it is there. */
  readonly locked: boolean;

  constructor(message: string, remedy: string, options: ErrorOptions & { locked?: boolean } = {}) {
    super(message, options);
    this.name = "AtlasError";
    this.remedy = remedy;
    this.locked = options.locked ?? false;
  }
}

export function asAtlasError(error: unknown): AtlasError {
  if (error instanceof AtlasError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AtlasError(message, "Reload the page; if that does not help, run: atlas verify", { cause: error });
}
