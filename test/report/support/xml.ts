import { SaxesParser } from "saxes";

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlElement[];
  text: string;
}

/** Parses XML 1.0 strictly. @throws Error where it is not well-formed */
export function parseXml(text: string): XmlElement {
  const parser = new SaxesParser();
  const root: XmlElement = { name: "", attributes: {}, children: [], text: "" };
  const open = [root];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element: XmlElement = { name, attributes, children: [], text: "" };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("closetag", () => {
    open.pop();
  });
  parser.on("text", (content) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += content;
  });
  parser.on("comment", () => {
    throw new Error("there is a comment");
  });
  parser.on("cdata", () => {
    throw new Error("there is a CDATA section");
  });
  parser.write(text).close();
  const [document] = root.children;
  if (document === undefined) throw new Error("there is no element");
  return document;
}

/** Every element below, itself included. */
export function allElements(element: XmlElement): XmlElement[] {
  return [element, ...element.children.flatMap(allElements)];
}
