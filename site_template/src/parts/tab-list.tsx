/** A tab: its id, which no other tab of the page has, its name, and a second line. */
export interface TabName {
  id: string;
  name: string;
  share?: string;
}

interface Props<T extends TabName> {
  tabs: readonly T[];
  current: T;
  onShow: (id: string) => void;
  /** Id of the panel that the tabs show, which also names the list. */
  panel?: string;
}

/** Tabs that the arrow keys walk along. */
export function TabList<T extends TabName>({ tabs, current, onShow, panel = "examples" }: Props<T>) {
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onShow(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={panel} onKeyDown={walk}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={tab === current}
          aria-controls={panel}
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
