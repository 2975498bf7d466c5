/** Compares two positions in a list. */
export type Compare = (a: number, b: number) => number

/** A heap is quicker when at most one of so many is asked for. */
const worthHeap = 8

/** The `count` smallest of the positions 0..size-1, in order; a heap when few of many are asked for. */
export function smallest(size: number, count: number, compare: Compare): number[] {
  if (count * worthHeap >= size) {
    return Array.from({ length: size }, (_, index) => index)
      .sort(compare)
      .slice(0, count)
  }
  const heap: number[] = []
  for (let candidate = 0; candidate < size; candidate++) {
    if (heap.length < count) rise(heap, candidate, compare)
    else if (compare(candidate, heap[0] as number) < 0) sink(heap, candidate, compare)
  }
  return heap.sort(compare)
}

/** The `count` lowest of some numbers, in order. */
export function lowest(numbers: Int32Array, count: number): Int32Array {
  if (count * worthHeap >= numbers.length) return numbers.slice().sort().subarray(0, count)
  const places = smallest(numbers.length, count, (a, b) => (numbers[a] as number) - (numbers[b] as number))
  return Int32Array.from(places, (place) => numbers[place] as number)
}

/** Adds to a heap whose top is its largest. */
function rise(heap: number[], value: number, compare: Compare): void {
  let at = heap.length
  heap.push(value)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (compare(heap[parent] as number, value) >= 0) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = value
}

/** Replaces the top of a heap. */
function sink(heap: number[], value: number, compare: Compare): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compare(heap[child + 1] as number, heap[child] as number) > 0) child++
    if (compare(heap[child] as number, value) <= 0) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = value
}
