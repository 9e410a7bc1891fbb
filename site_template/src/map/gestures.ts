/** Pointers on the map: one drags it or draws the lasso, two zoom; a short one points. Places are CSS pixels in it. */

export interface Gestures {
  /** Whether a pointer that goes down with these keys draws the lasso. */
  draws: (event: PointerEvent) => boolean;
  onPan: (dx: number, dy: number) => void;
  onZoom: (factor: number, left: number, top: number) => void;
  onHover: (left: number, top: number) => void;
  onLeave: () => void;
  onTap: (left: number, top: number, event: PointerEvent) => void;
  onDraw: (left: number, top: number, first: boolean) => void;
  /** The lasso is closed, or given up. */
  onDrawn: (whole: boolean) => void;
}

/** Pixels that a pointer may move and still be a tap. */
const SLACK = 5;
const WHEEL_PIXELS = 400;
const LINE_PIXELS = 16;

/** Listens on an element; gives what ends it. */
export function listen(element: HTMLElement, gestures: Gestures): () => void {
  const down = new Map<number, [left: number, top: number]>();
  let [moved, drawing] = [0, false];
  const placeOf = (event: MouseEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const listeners: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }> = {
    pointerdown(event) {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      if (drawing) gestures.onDrawn(false);
      const at = placeOf(event);
      down.set(event.pointerId, at);
      drawing = down.size === 1 && gestures.draws(event);
      moved = down.size > 1 ? Number.POSITIVE_INFINITY : 0;
      if (drawing) gestures.onDraw(...at, true);
    },
    pointermove(event) {
      const at = placeOf(event);
      const before = down.get(event.pointerId);
      if (before === undefined) {
        if (event.pointerType === "mouse") gestures.onHover(...at);
        return;
      }
      const step = Math.hypot(at[0] - before[0], at[1] - before[1]);
      moved = drawing ? moved + step : Math.max(moved, step);
      if (drawing) gestures.onDraw(...at, false);
      else if (down.size === 2) pinch(event.pointerId, before, at);
      else if (moved > SLACK) gestures.onPan(at[0] - before[0], at[1] - before[1]);
      if (drawing || down.size === 2 || moved > SLACK) down.set(event.pointerId, at);
    },
    pointerup(event) {
      if (!down.delete(event.pointerId)) return;
      if (drawing) gestures.onDrawn(moved > SLACK);
      else if (moved <= SLACK) gestures.onTap(...placeOf(event), event);
      drawing = false;
    },
    pointercancel(event) {
      down.delete(event.pointerId);
      if (drawing) gestures.onDrawn(false);
      drawing = false;
    },
    pointerleave(event) {
      if (event.pointerType === "mouse") gestures.onLeave(); // a finger leaves whenever it is lifted
    },
    dblclick: (event) => gestures.onZoom(2, ...placeOf(event)),
    wheel(event) {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1);
      gestures.onZoom(2 ** (-pixels / WHEEL_PIXELS), ...placeOf(event));
    },
  };
  /** Two pointers: what lay between them stays there, and grows as they part. */
  const pinch = (id: number, before: [number, number], at: [number, number]) => {
    const [other] = [...down].filter(([each]) => each !== id).map(([, place]) => place);
    if (other === undefined) return;
    const apart = (place: [number, number]) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
    gestures.onPan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    gestures.onZoom(apart(at) / apart(before), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
  };
  for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener as EventListener, { passive: false });
  return () => {
    for (const [name, listener] of Object.entries(listeners)) element.removeEventListener(name, listener as EventListener);
  };
}
