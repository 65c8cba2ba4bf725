/** What a deployment's metrics are under, which tells deployments in one account and region apart. */
export const metricsNamespace = () => process.env.POWERTOOLS_METRICS_NAMESPACE ?? 'Slingshot';
