interface Props<T extends string | number> {
  name: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few, as buttons. */
export function Choice<T extends string | number>({ name, options, value, onChange }: Props<T>) {
  return (
    <fieldset>
      <legend>{name}</legend>
      {options.map(([id, text]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}
