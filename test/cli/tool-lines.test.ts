import { describe, expect, it } from 'vitest'

import { noPaint as paint } from '../../src/cli/render/style.ts'
import { requestLines } from '../../src/cli/render/tool-lines.ts'

const asked = (input: unknown) =>
  requestLines({ toolName: 'edit_file', input }, { width: 80, paint }).join('\n')

describe('a change that is asked about', () => {
  it('is shown as what goes and what comes', () => {
    const edits = [
      { old: 'a\nb', new: 'c' },
      { old: 'd', new: '' },
    ]
    expect(asked({ path: 'x.ts', edits })).toBe('  edit_file x.ts\n  -a\n  -b\n  +c\n  -d')
    expect(asked({ path: 'x.ts', content: 'e\n' })).toBe('  edit_file x.ts\n  +e')
  })

  it('is shown with all that else is asked for', () => {
    const edits = [{ old: 'a', new: 'b', replace_all: true }]
    expect(asked({ path: 'x.ts', edits, mode: 1 })).toBe(
      '  edit_file x.ts\n  mode=1\n    replace_all=true\n  -a\n  +b',
    )
    expect(asked({ path: 'x.ts', edits, content: 'c' })).toContain('"content": "c"')
    expect(asked({ path: 'x.ts', content: 'c', edits: 'd' })).toContain('"edits": "d"')
    expect(asked({ command: 'ls', host: 'live' })).toBe('  ls\n  host="live"')
  })

  it('is shown whole where it is spelled in another way that the tool takes', () => {
    for (const edit of [
      { oldText: 'a', newText: 'b' },
      { old: 'a', new_string: 'b' },
    ]) {
      const shown = asked({ path: 'x.ts', edits: [{ old: 'c', new: 'd' }, edit] })
      expect(shown).toContain('"a"')
      expect(shown).toContain('"b"')
    }
  })
})
