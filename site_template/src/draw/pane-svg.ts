/**
 * A part of the page as a drawing that stands alone: what is on the screen, as text and rectangles.
 * No `foreignObject`: programs other than browsers can't show it, and some browsers then refuse to make a PNG.
 */
const NAMESPACE = "http://www.w3.org/2000/svg";
/** Pixels of a PNG for one of the page. */
const SHARPNESS = 2;
const MARGIN = 8;
/** What a drawing's own elements take from the page's styles. */
const INLINED = ["fill", "stroke", "stroke-width", "opacity", "font-family", "font-size", "font-weight", "text-anchor"] as const;

type Attributes = Record<string, string | number>;

export function paneSvg(pane: HTMLElement): string {
  const box = pane.getBoundingClientRect();
  const [width, height] = [Math.ceil(box.width + 2 * MARGIN), Math.ceil(box.height + 2 * MARGIN)];
  const svg = make("svg", { xmlns: NAMESPACE, width, height, viewBox: `${box.left - MARGIN} ${box.top - MARGIN} ${width} ${height}` });
  const ground = paint(getComputedStyle(document.body).backgroundColor) ?? "#fff";
  svg.append(make("rect", { x: box.left - MARGIN, y: box.top - MARGIN, width, height, fill: ground }));
  drawElement(pane, svg);
  return new XMLSerializer().serializeToString(svg);
}

export async function panePng(pane: HTMLElement): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(paneSvg(pane))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SHARPNESS;
  canvas.height = image.naturalHeight * SHARPNESS;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob === null ? reject(new Error("this browser can’t make the PNG; the SVG holds the same")) : resolve(blob)), "image/png"));
}

function make(name: string, attributes: Attributes): SVGElement {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) if (key !== "xmlns") made.setAttribute(key, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
  return made;
}

function drawElement(element: Element, into: SVGElement): void {
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  if (style.display === "none" || style.visibility === "hidden" || box.width <= 1 || box.height <= 1) return;
  if (element instanceof SVGSVGElement) return void into.append(inlined(element, box));
  if (element instanceof HTMLCanvasElement) return void into.append(make("image", { ...at(box), href: element.toDataURL() }));
  drawBox(style, box, into);
  const inside = style.overflowX === "visible" ? into : clipped(box, into);
  for (const child of element.childNodes) {
    if (child instanceof Element) drawElement(child, inside);
    else if (child instanceof Text) drawText(child, style, inside);
  }
}

function at({ left: x, top: y, width, height }: DOMRect): Attributes {
  return { x, y, width, height };
}

function drawBox(style: CSSStyleDeclaration, box: DOMRect, into: SVGElement): void {
  const fill = paint(style.backgroundColor);
  if (fill !== null) into.append(make("rect", { ...at(box), fill }));
  drawGradient(style, box, into);
  for (const [side, x1, y1, x2, y2] of [
    ["Top", box.left, box.top, box.right, box.top],
    ["Bottom", box.left, box.bottom, box.right, box.bottom],
    ["Left", box.left, box.top, box.left, box.bottom],
    ["Right", box.right, box.top, box.right, box.bottom],
  ] as const) {
    const width = parseFloat(style[`border${side}Width`]);
    const stroke = width > 0 ? paint(style[`border${side}Color`]) : null;
    if (stroke !== null) into.append(make("line", { x1, y1, x2, y2, stroke, "stroke-width": width }));
  }
  const outline = style.outlineStyle === "none" ? null : paint(style.outlineColor);
  if (outline !== null) into.append(make("rect", { ...at(box), fill: "none", stroke: outline, "stroke-width": parseFloat(style.outlineWidth) }));
}

/** Bars are drawn by the page as gradients of a share of their width, scales of all of it. */
function drawGradient(style: CSSStyleDeclaration, box: DOMRect, into: SVGElement): void {
  const colours = style.backgroundImage.match(/(?:rgba?|oklab|oklch|color)\([^()]*\)/g)?.map(paint).filter((colour) => colour !== null);
  if (!style.backgroundImage.startsWith("linear-gradient") || colours?.[0] === undefined) return;
  const share = /^([\d.]+)%/.exec(style.backgroundSize)?.[1];
  const width = share === undefined ? box.width : (box.width * Number(share)) / 100;
  const x = style.backgroundPositionX === "100%" ? box.right - width : box.left;
  if (new Set(colours).size === 1) return void into.append(make("rect", { ...at(box), x, width, fill: colours[0] }));
  const id = nextId(into);
  const gradient = make("linearGradient", { id });
  gradient.append(...colours.map((colour, i) => make("stop", { offset: i / (colours.length - 1), "stop-color": colour })));
  into.append(gradient, make("rect", { ...at(box), x, width, fill: `url(#${id})` }));
}

/** Each line of a text at its place, as wide as it is here whatever face draws it. */
function drawText(text: Text, style: CSSStyleDeclaration, into: SVGElement): void {
  const fill = paint(style.color);
  if (fill === null) return;
  const pen = document.createElement("canvas").getContext("2d");
  if (pen === null) return;
  pen.font = style.font;
  const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = pen.measureText("x");
  for (const { says, left, right, top, bottom } of linesOf(text)) {
    if (says.trim() === "") continue;
    const y = top + (bottom - top - ascent - descent) / 2 + ascent;
    const line = make("text", { x: left, y, fill, "font-family": style.fontFamily, "font-size": style.fontSize, "font-weight": style.fontWeight, textLength: right - left, "xml:space": "preserve" });
    line.textContent = says;
    into.append(line);
  }
}

interface Line {
  says: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The characters that have a place, by line: spaces that the page leaves out have none. */
function linesOf(text: Text): Line[] {
  const lines: Line[] = [];
  const range = document.createRange();
  let offset = 0;
  for (const character of text.data) {
    range.setStart(text, offset);
    offset += character.length;
    range.setEnd(text, offset);
    const box = range.getClientRects()[0];
    if (box === undefined || box.width === 0) continue;
    const last = lines.at(-1);
    if (last !== undefined && Math.abs(last.top - box.top) < 2) {
      last.says += character;
      last.right = box.right;
    } else {
      lines.push({ says: character, left: box.left, right: box.right, top: box.top, bottom: box.bottom });
    }
  }
  return lines;
}

/** A drawing of the page, with what its elements take from the styles written into them. */
function inlined(svg: SVGSVGElement, box: DOMRect): SVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const copies = [copy, ...copy.querySelectorAll("*")];
  for (const [i, original] of [svg, ...svg.querySelectorAll("*")].entries()) {
    const style = getComputedStyle(original);
    for (const name of INLINED) {
      const value = style.getPropertyValue(name);
      copies[i]?.setAttribute(name, name === "fill" || name === "stroke" ? (paint(value) ?? "none") : value);
    }
    copies[i]?.removeAttribute("class");
    copies[i]?.removeAttribute("style");
  }
  for (const [name, value] of Object.entries(at(box))) copy.setAttribute(name, String(value));
  return copy;
}

function clipped(box: DOMRect, into: SVGElement): SVGElement {
  const id = nextId(into);
  const clip = make("clipPath", { id });
  clip.append(make("rect", at(box)));
  const group = make("g", { "clip-path": `url(#${id})` });
  into.append(clip, group);
  return group;
}

function nextId(into: SVGElement): string {
  const root = into.ownerSVGElement ?? into;
  return `d${root.querySelectorAll("[id]").length}`;
}

const painted = new Map<string, string | null>();

/** A colour of any space as one that every program knows; null where nothing is to be seen. */
function paint(colour: string): string | null {
  const known = painted.get(colour);
  if (known !== undefined) return known;
  const plain = colour === "none" ? null : plainColour(colour);
  painted.set(colour, plain);
  return plain;
}

function plainColour(colour: string): string | null {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (pen === null) return null;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0, alpha = 0] = pen.getImageData(0, 0, 1, 1).data;
  return alpha === 0 ? null : `rgba(${red},${green},${blue},${Math.round((alpha / 255) * 1000) / 1000})`;
}
