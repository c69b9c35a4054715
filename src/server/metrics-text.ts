/** The metrics of a server, as its route sends them. */
export interface MetricsText {
  readonly contentType: string
  /** Returns the metrics in the text format of Prometheus. */
  text: () => Promise<string>
}
