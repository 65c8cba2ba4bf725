/**
 * The one template that instruction-tuned models are trained with and asked in. A response follows the returned prompt
 * immediately, and ends with end-of-text.
 */
export function instructionPrompt(instruction: string, context = ''): string {
  const about = context.trim() === '' ? '' : `### Context\n${context.trim()}\n\n`;
  return `### Instruction\n${instruction.trim()}\n\n${about}### Response\n`;
}
