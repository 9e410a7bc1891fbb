interface Props<K extends string> {
  /** What is chosen, in a word or two. */
  name: string;
  options: readonly (readonly [id: K, name: string])[];
  value: K;
  onChoose: (id: K) => void;
}

/** One of a few, side by side. */
export function Choice<K extends string>({ name, options, value, onChoose }: Props<K>) {
  return (
    <div class="choice" role="group" aria-label={name}>
      <span aria-hidden="true">{name}</span>
      {options.map(([id, label]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChoose(id)}>
          {label}
        </button>
      ))}
    </div>
  );
}
