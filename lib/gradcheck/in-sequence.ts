/** Progress of calls that follow one another as that of one piece of work. */

/** Told the queries that are done and all of them. */
type OnProgress = (done: number, total: number) => void

/** The progress of each call in turn, which has this many queries of `total`; undefined where nobody listens. */
export function inSequence(
  onProgress: OnProgress | undefined,
  total: number,
): (queries: number) => OnProgress | undefined {
  let before = 0
  return (queries) => {
    const begun = before
    before += queries
    return onProgress && ((done) => onProgress(begun + done, total))
  }
}
