/** What a listener throws is its own fault and shall be seen, but nobody else's delivery stops for it. */
export function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
