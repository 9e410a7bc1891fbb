import type { Tab } from "../state/tabs.ts";

interface Props {
  tabs: readonly Tab[];
  current: Tab;
  onShow: (id: string) => void;
}

/** Tabs that the arrow keys walk along. */
export function TabList({ tabs, current, onShow }: Props) {
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onShow(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="examples" onKeyDown={walk}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={tab === current}
          aria-controls="examples"
          tabIndex={tab === current ? 0 : -1}
          onClick={() => onShow(tab.id)}
        >
          {tab.name}
          {tab.share && <span class="share">{tab.share}</span>}
        </button>
      ))}
    </div>
  );
}
