/** The part of jsdom that the tests use. The package has no types. */
declare module 'jsdom' {
  export class JSDOM {
    constructor(html: string, options?: { url?: string })
    readonly window: {
      close: () => void
      document: { body: PageElement; createElement: (name: string) => PageElement }
      HTMLInputElement: { prototype: PageElement }
      Event: typeof Event
    }
  }

  export interface PageElement {
    textContent: string
    getAttribute: (name: string) => string | null
    remove: () => void
    append: (child: PageElement) => void
    querySelectorAll: (selector: string) => Iterable<PageElement>
    click: () => void
    dispatchEvent: (event: Event) => boolean
  }
}
