/** The conversion of attached files, and the display of invisible characters. */
import { JSDOM } from 'jsdom'
import { afterAll, describe, expect, it, vi } from 'vitest'

interface FilesModule {
  readyFile: (file: File) => Promise<File>
  openAttachments: (
    list: object,
    tell: (problems: string[]) => void,
  ) => { add: (files: File[]) => Promise<void>; take: () => { url: string; filename: string }[] }
}

interface InvisibleModule {
  piecesOf: (text: string) => { text: string; isCode?: boolean }[]
}

const dom = new JSDOM('<!doctype html>')
vi.stubGlobal('document', dom.window.document)

interface Picture {
  width: number
  height: number
}

/** Replaces the decoder of the browser, which jsdom does not have. */
const pictures = new WeakMap<File, Picture>()
vi.stubGlobal('createImageBitmap', async (file: File, options: object) => {
  expect(options).toEqual({ imageOrientation: 'from-image' })
  const picture = pictures.get(file)
  if (picture === undefined) throw new Error('cannot be decoded')
  return { ...picture, close: () => {} }
})

/** Records the drawn pictures. Their JPEG has one byte for 100 pixels. */
const drawn: Picture[] = []
const createElement = dom.window.document.createElement.bind(dom.window.document)
Object.assign(dom.window.document, {
  createElement: (name: string) => (name === 'canvas' ? canvas() : createElement(name)),
})

function canvas() {
  return {
    width: 0,
    height: 0,
    getContext: () => ({ fillRect: () => {}, drawImage: () => {} }),
    toBlob(this: Picture, give: (blob: Blob) => void, type: string) {
      drawn.push({ width: this.width, height: this.height })
      give(new Blob([new Uint8Array((this.width * this.height) / 100)], { type }))
    },
  }
}

afterAll(() => {
  vi.unstubAllGlobals()
  dom.window.close()
})

const load = (name: string) => import(new URL(`../web/playground-${name}.js`, import.meta.url).href)
// The type of these imports is `any`: TypeScript has not read the files.
const { readyFile, openAttachments }: FilesModule = await load('files')
const { piecesOf }: InvisibleModule = await load('invisible')

const fileOf = (content: string, name: string, type: string) => new File([content], name, { type })

function photo(name: string, type: string, picture: Picture, content: string = 'x') {
  const file = fileOf(content, name, type)
  pictures.set(file, picture)
  return file
}

describe('an attached picture', () => {
  it.each([
    ['a large photo', photo('a.jpg', 'image/jpeg', { width: 4032, height: 3024 }), [2048, 1536]],
    [
      'a photo on its side',
      photo('a.jpg', 'image/jpeg', { width: 3024, height: 4032 }),
      [1536, 2048],
    ],
    ['a type of phones', photo('a.heic', 'image/heic', { width: 800, height: 600 }), [800, 600]],
    [
      'a photo with EXIF data',
      photo('a.jpg', 'image/jpeg', { width: 800, height: 600 }, '\xff\xd8\xff\xe1..Exif\0\0'),
      [800, 600],
    ],
  ])('becomes a JPEG that models accept: %s', async (_, file, [width, height]) => {
    const ready = await readyFile(file)
    expect([ready.type, ready.name]).toEqual(['image/jpeg', 'a.jpg'])
    expect(drawn.at(-1)).toEqual({ width, height })
  })

  it('is not changed if it is small', async () => {
    const file = photo('a.png', 'image/png', { width: 10, height: 10 })
    expect(await readyFile(file)).toBe(file)
  })

  it('that the browser cannot read is refused with a reason', async () => {
    await expect(readyFile(fileOf('x', 'a.heic', 'image/heic'))).rejects.toThrow(/HEIC.*JPEG/)
  })
})

describe('an attached file', () => {
  it.each([
    ['a.json', 'application/json', 'application/json'],
    ['a.svg', 'image/svg+xml', 'image/svg+xml'],
    ['a.ts', 'video/mp2t', 'text/plain'],
    ['Makefile', '', 'text/plain'],
    ['a.md', 'text/markdown', 'text/markdown'],
  ])('is sent as text: %s', async (name, type, sent) => {
    expect((await readyFile(fileOf('all: x', name, type))).type).toBe(sent)
  })

  it.each([
    ['a.zip', 'application/zip', 'PK\x03\x04', /no picture, no PDF and no text/],
    ['a.bin', '', '\0\0', /no picture/],
    ['a.txt', 'text/plain', '', /empty/],
    ['a.pdf', 'application/pdf', 'x'.repeat(5_000_001), /larger than 5 MB/],
  ])('is refused with a reason: %s', async (name, type, content, reason) => {
    await expect(readyFile(fileOf(content, name, type))).rejects.toThrow(reason)
  })

  it('does not block others, and each problem is shown', async () => {
    vi.stubGlobal('FileReader', Reader)
    const problemLists: string[][] = []
    const list = { hidden: true, replaceChildren: () => {} }
    const attachments = openAttachments(list, (problems) => problemLists.push(problems))
    const zip = fileOf('PK\x03\x04', 'a.zip', 'application/zip')
    await attachments.add([
      zip,
      fileOf('a', 'a.txt', 'text/plain'),
      fileOf('', 'b.txt', 'text/plain'),
    ])
    expect(problemLists).toEqual([
      [expect.stringContaining('a.zip'), expect.stringContaining('b.txt')],
    ])
    expect(attachments.take().map(({ filename }) => filename)).toEqual(['a.txt'])
  })
})

/** The part of a browser that the page uses. */
class Reader {
  result = ''
  #loaded = () => {}
  addEventListener(type: string, listener: () => void) {
    if (type === 'load') this.#loaded = listener
  }
  readAsDataURL(file: File) {
    this.result = `data:${file.type};base64,`
    queueMicrotask(this.#loaded)
  }
}

describe('an invisible character', () => {
  const codes = (text: string) =>
    piecesOf(text).flatMap((piece) => (piece.isCode === true ? [piece.text] : []))

  it.each([
    ['a bidirectional override', 'a\u202eb', ['U+202E']],
    ['a zero-width space', 'rm\u200b', ['U+200B']],
    ['a tag character', 'a\u{e0041}', ['U+E0041']],
    ['a variation selector behind a letter', 'a\ufe01\u{e0101}', ['U+FE01', 'U+E0101']],
    ['a carriage return', 'safe\revil', ['U+000D']],
    ['an escape', '\x1b[2K', ['U+001B']],
    ['a space that is none of the keyboard', 'a\u00a0b\u3164', ['U+00A0', 'U+3164']],
    ['half a pair', 'a\ud83d', ['U+D83D']],
    ['a joiner between letters', 'a\u200db', ['U+200D']],
  ])('is shown as its code point: %s', (_, text, expected) => {
    expect(codes(text)).toEqual(expected)
  })

  it.each(['plain words\n\tand lines', 'Grüße, 你好, שלום', '👩‍💻 ❤️ 👍🏽 1️⃣'])(
    'is not in: %s',
    (text) => {
      expect(piecesOf(text)).toEqual([{ text }])
    },
  )
})
