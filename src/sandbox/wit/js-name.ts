/** What the shapes of `values.ts` call a field, a flag or a function: `get-URL-2d` → `getUrl2d`. */
export function jsName(label: string): string {
  const [first = '', ...rest] = label.toLowerCase().split('-');
  return first + rest.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
}
