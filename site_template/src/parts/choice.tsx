interface Props<K extends string | number> {
  /** What is chosen, in a word or two. */
  name: string;
  options: readonly (readonly [id: K, name: string])[];
  value: K;
  onChange: (id: K) => void;
}

/** One of a few, as buttons side by side. */
export function Choice<K extends string | number>({ name, options, value, onChange }: Props<K>) {
  return (
    <fieldset class="choice">
      <legend>{name}</legend>
      {options.map(([id, label]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
}
