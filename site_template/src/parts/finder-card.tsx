import { score } from "../draw/format.ts";
import { type HeadPoint, type Metric, strongest } from "../state/finder.ts";

interface Props {
  head: HeadPoint | undefined;
  metrics: readonly Metric[];
  x: number;
  y: number;
}

/** The head that is pointed at: both scores, and the largest of those that say of what kind it is. */
export function FinderCard({ head, metrics, x, y }: Props) {
  if (head === undefined) return <div class="finder-card quiet" role="status">Point at a head, or walk with the arrow keys.</div>;
  const most = strongest(metrics, head);
  return (
    <div class="finder-card" role="status">
      <p>
        <a href={head.href}>{head.address}</a> <span class="quiet">layer {head.layer}</span>
      </p>
      <dl>
        {[...new Set([x, y])].map((i) => (
          <div key={i}>
            <dt class="quiet">{metrics[i]?.name}</dt>
            <dd class="value">{score(head.values[i] ?? 0)}</dd>
          </div>
        ))}
      </dl>
      {most && (
        <p class="quiet">
          Its strongest score: <b>{most.metric.name}</b>, {score(most.value)}: {most.metric.doc}.
        </p>
      )}
    </div>
  );
}
