import { chmod, readdir, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'

import { asSchema } from 'ai'
import { applyPatch } from 'diff'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { defineAgent } from '../../src/agent.ts'
import { startAgent } from '../../src/index.ts'
import { editFile } from '../../tools/edit-file.ts'
import { applyEdits } from '../../tools/edit-file/apply.ts'
import { unifiedDiff } from '../../tools/edit-file/unified-diff.ts'
import { readFile } from '../../tools/read-file.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { type FilesStage, openStage } from './files-stage.ts'

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

interface Edit {
  old: string
  new: string
  replace_all?: boolean
}

let newcomers = 0

/** A reader that has not read the file. */
const newcomer = () => ({ session: `newcomer-${++newcomers}` })

/** Returns the file after the edits. */
async function edited(content: string, ...edits: Edit[]): Promise<string> {
  await stage.put('a.txt', content)
  await stage.call('edit_file', { path: 'a.txt', edits }, newcomer())
  return stage.text('a.txt')
}

/** Returns the error of refused edits, and checks that the file is unchanged. */
async function refused(content: string, ...edits: Edit[]): Promise<string> {
  await stage.put('a.txt', content)
  const refusal = await stage.refusal('edit_file', { path: 'a.txt', edits }, newcomer())
  expect(await stage.text('a.txt')).toBe(content)
  return refusal
}

describe('edit_file', () => {
  it('shows the change in a long line with context', async () => {
    await stage.put('min.js', `${'var a=1;'.repeat(10_000)}TARGET()${';b=2'.repeat(10_000)}\n`)
    const edits = [{ old: 'TARGET()', new: 'OTHER()' }]
    const { text, diff } = await stage.call('edit_file', { path: 'min.js', edits })
    expect(text.length).toBeLessThan(1500)
    expect(diff).toMatch(/^-\[79920 characters\] .*;TARGET\(\);b=2.* \[\d+ characters\]$/m)
    expect(diff).toMatch(/^\+\[79920 characters\] .*;OTHER\(\);b=2.* \[\d+ characters\]$/m)
  })

  it('replaces a passage and shows a diff', async () => {
    await stage.put('a.txt', 'one\ntwo\nthree\nfour\nfive\nsix\n')
    const edits = [{ old: 'five', new: 'FIVE\nfive and a half' }]
    const output = await stage.call('edit_file', { path: 'a.txt', edits })
    expect(await stage.text('a.txt')).toBe('one\ntwo\nthree\nfour\nFIVE\nfive and a half\nsix\n')
    expect(output.diff).toBe(
      '--- a.txt\n+++ a.txt\n@@ -2,5 +2,6 @@\n two\n three\n four\n-five\n+FIVE\n+five and a half\n six\n',
    )
    expect(output.text).toBe(`Edited "a.txt" (1 replacement).\n\n${output.diff}`)
  })

  it('applies all edits to the original file', async () => {
    expect(await edited('a b c', { old: 'a', new: 'b' }, { old: 'b', new: 'c' })).toBe('b c c')
    expect(await edited('ab', { old: 'a', new: 'x' }, { old: 'b', new: 'y' })).toBe('xy')
  })

  it('makes no edit if two overlap', async () => {
    const refusal = await refused('abcd', { old: 'bc', new: 'x' }, { old: 'cd', new: 'y' })
    expect(refusal).toMatch(/Edits 1 and 2 overlap/)
  })

  it('makes no edit if one does not apply', async () => {
    const refusal = await refused('a b', { old: 'a', new: 'x' }, { old: 'z', new: 'y' })
    expect(refusal).toMatch(/Edit 2 of 2 does not apply.*Read the file again/)
  })

  it('refuses an ambiguous passage and names its lines', async () => {
    const refusal = await refused('x\ny\nx\n', { old: 'x', new: 'z' })
    expect(refusal).toMatch(/found at lines 1, 3/)
    expect(await refused('aaa', { old: 'aa', new: 'b' })).toMatch(/ambiguous/)
  })

  it('replaces every place with `replace_all`', async () => {
    expect(await edited('x y x', { old: 'x', new: 'xx', replace_all: true })).toBe('xx y xx')
    expect(await edited('aaa', { old: 'aa', new: 'b', replace_all: true })).toBe('ba')
  })

  it('inserts the new text unchanged', async () => {
    const text = '$& $1 $$ $` \\n \\u0041'
    expect(await edited('(x)', { old: 'x', new: text })).toBe(`(${text})`)
  })

  it('deletes a passage', async () => {
    expect(await edited('one\ntwo\nthree\n', { old: 'two\n', new: '' })).toBe('one\nthree\n')
  })

  it('edits a last line without an ending', async () => {
    await stage.put('a.txt', 'one\ntwo')
    const edits = [{ old: 'two', new: 'TWO' }]
    const output = await stage.call('edit_file', { path: 'a.txt', edits })
    expect(await stage.text('a.txt')).toBe('one\nTWO')
    expect(output.diff).toContain('\\ No newline at end of file')
  })

  it('refuses an empty or unchanged passage', async () => {
    expect(await refused('a', { old: '', new: 'b' })).toMatch(/empty "old"/)
    expect(await refused('a', { old: 'a', new: 'a' })).toMatch(/changes nothing/)
    expect(await refused('a\r\n', { old: 'a\n', new: 'a\r\n' })).toMatch(/changes nothing/)
    expect(await refused('ab', { old: 'a', new: 'ab' }, { old: 'b', new: '' })).toMatch(
      /stay as it is/,
    )
  })

  it('refuses missing, read-only and binary files', async () => {
    const edit = (path: string) => ({ path, edits: [{ old: 'a', new: 'b' }] })
    await chmod(await stage.put('read-only', 'a'), 0o444)
    await stage.put('latin', Buffer.from([0x61, 0xe9]))
    await stage.put('utf16', Buffer.from('\uFEFFa', 'utf16le'))
    expect(await stage.refusal('edit_file', edit('none'))).toBe('There is no "none".')
    expect(await stage.refusal('edit_file', edit('none/a'))).toContain('"none" does not exist')
    expect(await stage.refusal('edit_file', edit('read-only'))).toContain('read-only')
    expect(await stage.refusal('edit_file', edit('latin'))).toContain('not UTF-8')
    expect(await stage.refusal('edit_file', edit('utf16'))).toContain('not UTF-8')
    expect(await stage.refusal('edit_file', edit('.'))).toContain('a directory')
  })

  it('keeps the mode and edits through a link', async () => {
    const path = await stage.put('run.sh', 'one\n')
    await chmod(path, 0o750)
    await symlink('run.sh', join(stage.root, 'link'))
    const edits = [{ old: 'one', new: 'two' }]
    const output = await stage.call('edit_file', { path: 'link', edits })
    expect(output.path).toBe('run.sh')
    expect((await stat(path)).mode & 0o777).toBe(0o750)
    expect(await stage.text('run.sh')).toBe('two\n')
  })

  it('edits a file of 10 MB', async () => {
    const line = `${'x'.repeat(99)}\n`
    const content = `${line.repeat(50_000)}here\n${line.repeat(50_000)}`
    const after = await edited(content, { old: 'here', new: 'there' })
    expect(after.length).toBe(content.length + 1)
    expect(after.slice(5_000_000, 5_000_006)).toBe('there\n')
  })

  it('accepts all forms of edits that models send', async () => {
    const edit = { old: 'one', new: 'two' }
    const snake = { old_string: 'one', new_string: 'two' }
    for (const input of [
      { path: 'a.txt', edits: [edit] },
      { path: 'a.txt', edits: edit },
      { path: 'a.txt', edits: JSON.stringify([edit]) },
      { path: 'a.txt', edits: JSON.stringify(edit) },
      { path: 'a.txt', edits: [snake] },
      { path: 'a.txt', edits: [{ oldText: 'one', newText: 'two', replace_all: null }] },
      { file_path: 'a.txt', ...snake },
      { file_path: 'a.txt', ...snake, replace_all: null, edits: null },
    ]) {
      await stage.put('a.txt', 'one')
      await stage.call('edit_file', input, newcomer())
      expect(await stage.text('a.txt')).toBe('two')
    }
    await stage.put('a.txt', 'x x')
    const all = { path: 'a.txt', old_string: 'x', new_string: 'y', replace_all: true }
    await stage.call('edit_file', all, newcomer())
    expect(await stage.text('a.txt')).toBe('y y')
  })

  it('reports an invalid input', async () => {
    await stage.put('a.txt', 'one')
    for (const edits of ['no JSON', [], [{ old: 'one' }], 7, '{"old":']) {
      expect(await stage.refusal('edit_file', { path: 'a.txt', edits })).toMatch(/edits/)
    }
  })

  it('shows models only the plain schema', async () => {
    const schema = await asSchema(editFile(stage.workspace).inputSchema).jsonSchema
    expect(schema).toMatchObject({
      type: 'object',
      required: ['path', 'edits'],
      properties: { edits: { type: 'array', items: { required: ['old', 'new'] } } },
    })
  })
})

describe('unedited bytes', () => {
  it('stay the same after a byte order mark', async () => {
    expect(await edited('\uFEFFone\ntwo\n', { old: 'one', new: 'ONE' })).toBe('\uFEFFONE\ntwo\n')
    expect(await edited('\uFEFFone\n', { old: '\uFEFFone', new: '\uFEFFx' })).toBe('\uFEFFx\n')
  })

  it('keep the ending of each line', async () => {
    const content = 'a\r\nb\nc\r\nd\ne'
    expect(await edited(content, { old: 'c', new: 'C' })).toBe('a\r\nb\nC\r\nd\ne')
    expect(await edited(content, { old: 'a\nb\nc', new: 'A\nB\nC' })).toBe('A\r\nB\nC\r\nd\ne')
    expect(await edited(content, { old: 'b\nc\nd', new: 'x' })).toBe('a\r\nx\ne')
  })

  it('give added lines their line ending', async () => {
    expect(await edited('a\r\nb\r\n', { old: 'b', new: 'b\nc\nd' })).toBe('a\r\nb\r\nc\r\nd\r\n')
    expect(await edited('a\r\nb\r\n', { old: 'b', new: 'b\r\nc' })).toBe('a\r\nb\r\nc\r\n')
    expect(await edited('a\r\nb\n', { old: 'b', new: 'b\nc' })).toBe('a\r\nb\nc\n')
    expect(await edited('a\r\nb', { old: 'b', new: 'b\nc' })).toBe('a\r\nb\r\nc')
    expect(await edited('ab', { old: 'b', new: 'b\nc' })).toBe('ab\nc')
  })

  it('stay the same around a lone CR', async () => {
    expect(await edited('a\rb\nc\n', { old: 'c', new: 'd' })).toBe('a\rb\nd\n')
    expect(await edited('a\rb\n', { old: 'a\rb', new: 'x\ry' })).toBe('x\ry\n')
    expect(await edited('a\rb\rc', { old: 'a\nb', new: 'x\ny' })).toBe('x\ry\rc')
    expect(await edited('a\rb', { old: 'b', new: 'b\nc' })).toBe('a\rb\rc')
  })

  it('stay the same around a similar passage', async () => {
    const content = '“keep” \r\nsay “hi” — now \t\n\u00A0keep…\n'
    const after = await edited(content, { old: 'say "hi" - now', new: 'say "bye"' })
    expect(after).toBe('“keep” \r\nsay "bye" \t\n\u00A0keep…\n')
  })
})

describe('passages with similar characters', () => {
  it.each([
    ['curly quotes', 'it‘s “so”\n', `it's "so"`],
    ['dashes', 'a – b — c − d\n', 'a - b - c - d'],
    ['hard spaces', 'a\u00A0b\u3000c\n', 'a b c'],
    ['full width', 'ＡＢＣ（１）\n', 'ABC(1)'],
    ['composed characters', 'cafe\u0301\n', 'café'],
    ['ligatures', 'ﬁnd the oﬃce\n', 'find the office'],
    ['space at the ends of lines', 'one  \t\ntwo\n', 'one\ntwo'],
  ])('differ in %s', async (_, content, old) => {
    const after = await edited(`before\n${content}after\n`, { old, new: 'X' })
    expect(after).toBe('before\nX\nafter\n')
  })

  it('match only if no exact passage exists', async () => {
    expect(await edited(`"a" “a”`, { old: '"a"', new: 'b' })).toBe('b “a”')
  })

  it('match only if they are unique', async () => {
    expect(await refused('“a”\n„a“\n', { old: '"a"', new: 'b' })).toMatch(/lines 1, 2/)
  })

  it('never differ in indentation', async () => {
    const refusal = await refused('x\n\tone\n\ttwo\n', { old: '  one\n  two', new: 'b' })
    expect(refusal).toMatch(/Line 2 begins a passage that differs from it in white space only/)
    await refused('  one\n', { old: '\tone', new: 'b' })
    await refused('a  b\n', { old: 'a b', new: 'b' })
  })

  it('never match a part of a character', async () => {
    await refused('ﬁx\n', { old: 'ix', new: 'b' })
    await refused('oﬃ\n', { old: 'of', new: 'b' })
  })

  it('never consist of white space only', async () => {
    await refused('a\n\nb\n', { old: ' \n ', new: 'b' })
  })

  it('report a new text that is already there', async () => {
    expect(await refused('b\n', { old: 'a', new: 'b' })).toMatch(/Its "new" is in the file already/)
  })
})

describe('properties of edits', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', ' ', '\n', '\r\n', '\r', 'é', '“', '😀'),
  })

  it('replace exactly one passage and keep the rest', () => {
    fc.assert(
      fc.property(text, text, text, (before, after, replacement) => {
        const content = Buffer.from(`${before}<here>${after}`)
        const result = applyEdits(content, [{ old: '<here>', new: '!', replaceAll: false }])
        expect(result.after).toBe(`${before}!${after}`)
        // Added lines remove nothing from the lines around them.
        const edits = [{ old: '<here>', new: `<${replacement}>`, replaceAll: false }]
        const { after: whole } = applyEdits(content, edits)
        expect(whole.startsWith(`${before}<`)).toBe(true)
        expect(whole.endsWith(`>${after}`)).toBe(true)
      }),
    )
  })

  it('give a diff that converts one text to the other', () => {
    const line = fc.constantFrom('a', 'b', 'c', '', 'd e')
    const lines = fc.array(line, { maxLength: 40 }).map((all) => all.join('\n'))
    fc.assert(
      fc.property(lines, lines, lines, (start, middle, end) => {
        const before = `${start}\n${middle}\n${end}`
        const after = `${start}\nnew\n${end}`
        fc.pre(before !== after)
        expect(applyPatch(before, unifiedDiff('a.txt', before, after))).toBe(after)
      }),
    )
  })
})

describe('changes of one file', () => {
  it('all apply, even ten at once', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `<${index}>`)
    await stage.put('a.txt', names.join('\n'))
    await stage.call('read_file', { path: 'a.txt' })
    await symlink('a.txt', join(stage.root, 'link'))
    await Promise.all(
      names.map((name, index) =>
        stage.call('edit_file', {
          // All its names address one file.
          path: ['a.txt', 'link', './x/../a.txt', join(stage.root, 'a.txt')][index % 4],
          edits: [{ old: name, new: `${name} done` }],
        }),
      ),
    )
    expect(await stage.text('a.txt')).toBe(names.map((name) => `${name} done`).join('\n'))
  })

  it('are refused if the file changed after the read', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('read_file', { path: 'a.txt' })
    await stage.put('a.txt', 'one\ntwo\n')
    const input = { path: 'a.txt', edits: [{ old: 'one', new: 'ONE' }] }
    expect(await stage.refusal('edit_file', input)).toMatch(/has changed since you read it/)
    expect(await stage.text('a.txt')).toBe('one\ntwo\n')
    await stage.call('read_file', { path: 'a.txt' })
    await stage.call('edit_file', input)
    expect(await stage.text('a.txt')).toBe('ONE\ntwo\n')
  })

  it('are refused if another session changed the file', async () => {
    await stage.put('a.txt', 'one two\n')
    const edit = (old: string) => ({ path: 'a.txt', edits: [{ old, new: old.toUpperCase() }] })
    await stage.call('read_file', { path: 'a.txt' }, { session: 'first' })
    await stage.call('read_file', { path: 'a.txt' }, { session: 'second' })
    await stage.call('edit_file', edit('one'), { session: 'first' })
    const late = await stage.refusal('edit_file', edit('two'), { session: 'second' })
    expect(late).toMatch(/has changed since you read it/)
    // The changes of a session count as read by it. A session that never read the file may change it.
    await stage.call('edit_file', edit('two'), { session: 'first' })
    const last = { path: 'a.txt', edits: [{ old: 'ONE TWO', new: 'done' }] }
    await stage.call('edit_file', last, { session: 'third' })
    expect(await stage.text('a.txt')).toBe('done\n')
  })

  it('are refused if the file changed since an earlier turn', async () => {
    await stage.put('a.txt', 'one\n')
    const edits = [{ old: 'one', new: 'ONE' }]
    const model = scriptedModel(
      calls(['read_file', { path: 'a.txt' }]),
      says('Read.'),
      calls(['edit_file', { path: 'a.txt', edits }]),
      says('Not edited.'),
    )
    const tools = [readFile(stage.workspace), editFile(stage.workspace)]
    const agent = defineAgent({ name: 'editor', systemPrompt: 'Edit.', tools, model })
    await using session = startAgent(agent)
    await session.call('Read it.')
    await stage.put('a.txt', 'one\ntwo\n')
    const { message } = await session.call('Edit it.')
    expect(JSON.stringify(message.parts)).toMatch(/has changed since you read it/)
    expect(await stage.text('a.txt')).toBe('one\ntwo\n')
  })

  it('stop waiting when their signal aborts', async () => {
    await stage.put('a.txt', 'one')
    const controller = new AbortController()
    const first = stage.call('edit_file', { path: 'a.txt', edits: [{ old: 'one', new: 'two' }] })
    const second = stage.refusal(
      'edit_file',
      { path: 'a.txt', edits: [{ old: 'two', new: 'three' }] },
      { signal: controller.signal },
    )
    controller.abort(new Error('enough'))
    expect(await second).toBe('enough')
    await first
    expect(await stage.text('a.txt')).toBe('two')
  })
})

describe('a repeated call', () => {
  const input = { path: 'a.txt', edits: [{ old: 'one', new: 'one\nadded' }] }
  const call = { id: 'call-a' }

  it('makes no second edit in another process', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('edit_file', input, call)
    const restarted = await stage.restarted()
    const again = await restarted.call('edit_file', input, call)
    expect(again.text).toBe('"a.txt" was edited by an earlier attempt of this call.')
    expect(await stage.text('a.txt')).toBe('one\nadded\n')
    // A new call with the same edit does apply.
    await restarted.call('edit_file', input, { id: 'call-b' })
    expect(await stage.text('a.txt')).toBe('one\nadded\nadded\n')
  })

  it('is recognized after later changes, even reverting ones', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('edit_file', input, call)
    const undo = { path: 'a.txt', edits: [{ old: 'one\nadded', new: 'one' }] }
    await stage.call('edit_file', undo, { id: 'call-b' })
    const restarted = await stage.restarted()
    for (const [again, id] of [
      [input, 'call-a'],
      [undo, 'call-b'],
    ] as const) {
      expect((await restarted.call('edit_file', again, { id })).text).toContain('earlier attempt')
    }
    expect(await stage.text('a.txt')).toBe('one\n')
  })

  it('applies if the first attempt only wrote the journal', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('edit_file', input, call)
    // The state after a process died directly before the rename.
    await stage.put('a.txt', 'one\n')
    await (await stage.restarted()).call('edit_file', input, call)
    expect(await stage.text('a.txt')).toBe('one\nadded\n')
  })

  it('is refused if its outcome is unknown', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('edit_file', input, call)
    await stage.put('a.txt', 'one\nother\n')
    const restarted = await stage.restarted()
    expect(await restarted.refusal('edit_file', input, call)).toMatch(/is unknown. Read the file/)
    expect(await stage.text('a.txt')).toBe('one\nother\n')
  })

  it('counts as new if the journal is corrupt', async () => {
    await stage.put('a.txt', 'one\n')
    await stage.call('edit_file', input, call)
    const folder = join(stage.root, '.loom/journal')
    for (const name of await readdir(folder)) await stage.put(`.loom/journal/${name}`, '[{]')
    const restarted = await stage.restarted()
    await restarted.call('edit_file', input, call)
    expect(await stage.text('a.txt')).toBe('one\nadded\nadded\n')
  })

  it('is keyed', () => {
    expect(editFile(stage.workspace).retry).toBe('keyed')
  })
})

describe('an edit of a long file', () => {
  /** The CPU time of work in seconds, independent of the load of the machine. The work blocks. */
  async function secondsOf(work: () => Promise<unknown>): Promise<number> {
    const { user } = process.cpuUsage()
    await work()
    return (process.cpuUsage().user - user) / 1e6
  }

  it('splits a long line only once for many passages', async () => {
    const edit = { old: '"k"', new: 'v', replace_all: true }
    const seconds = await secondsOf(async () => {
      expect(await edited('“k” '.repeat(20_000), edit)).toBe('v '.repeat(20_000))
    })
    expect(seconds).toBeLessThan(5)
  })

  it('finds white space differences in one search', async () => {
    const edit = { old: `${' x\n'.repeat(3000)} y`, new: 'z' }
    const seconds = await secondsOf(async () => {
      expect(await refused('x\n'.repeat(1_000_000), edit)).toMatch(/is not in the file/)
    })
    expect(seconds).toBeLessThan(5)
  })
})
