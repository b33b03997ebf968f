/** Goes into every transcript entry. */
export const runtimeVersion = '0.1.0';
