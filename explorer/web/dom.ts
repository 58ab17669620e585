// Building of elements. Text only ever becomes a text node, so nothing from the chain is markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

function fill(element: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children) {
    if (child) element.append(child);
  }
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, attributes, children);
  return element;
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element ${id}`);
  return element;
}

// Replaces the content only when it changed, so that focus and selection survive an update.
export function show(id: string, ...children: Child[]): void {
  const target = byId(id);
  const next = document.createElement(target.tagName);
  for (const child of children) {
    if (child) next.append(child);
  }
  const shown = [...target.childNodes];
  const wanted = [...next.childNodes];
  if (shown.length === wanted.length && wanted.every((node,
    i) => node.isEqualNode(shown[i] ?? null))) return;
  const focused = document.activeElement;
  const key = focused && target.contains(focused) ? focused.getAttribute("data-key") : null;
  target.replaceChildren(...next.childNodes);
  if (key) {
    for (const candidate of target.querySelectorAll<HTMLElement>("[data-key]")) {
      if (candidate.dataset["key"] === key) candidate.focus();
    }
  }
}

export function short(hex: string): string {
  return hex.length > 16 ? `${hex.slice(0, 8)}\u2026${hex.slice(-6)}` : hex;
}

export function words(name: string): string {
  const text = name.replace(/_/g, " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour12: false });
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
}
