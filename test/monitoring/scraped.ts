/** The metrics of a server, read as Prometheus reads them. */

interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Scraped {
  text: string
  samples: readonly Sample[]
  /** The type of each family of metrics, by name. */
  types: ReadonlyMap<string, string>
  /** The sum of the samples of a metric that have these labels. */
  sum: (name: string, labels?: Record<string, string>) => number
}

/** @throws Error for a line that is not in the text format */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scraped> {
  const response = await fetch(`${url}/metrics`, { headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`)
  return readMetrics(text)
}

export function readMetrics(text: string): Scraped {
  const lines = text.split('\n').filter((line) => line !== '')
  const types = new Map(
    lines.flatMap((line) => {
      const [, name, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? []
      return name === undefined || type === undefined ? [] : [[name, type]]
    }),
  )
  const samples = lines.filter((line) => !line.startsWith('#')).map(sampleOf)
  const sum = (name: string, wanted: Record<string, string> = {}) =>
    samples
      .filter((sample) => sample.name === name && hasLabels(sample, wanted))
      .reduce((total, { value }) => total + value, 0)
  return { text, samples, types, sum }
}

const hasLabels = ({ labels }: Sample, wanted: Record<string, string>): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value)

function sampleOf(line: string): Sample {
  const [, name, list = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === undefined || value === undefined) throw new Error(`no metric: ${line}`)
  const labels = [...list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, key = '', text = '']): [string, string] => [key, text],
  )
  return { name, labels: Object.fromEntries(labels), value: Number(value) }
}
