/** Of this program; the chart of the same release has the same. */
export const cliVersion = '0.1.0';
