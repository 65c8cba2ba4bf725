/** Whether an instance type has GPUs, by its family's letter. */
export function hasGpus(instanceType: string): boolean {
  return /^ml\.[gp]\d/.test(instanceType);
}
