namespace Runcvm;

/// <summary>Which runcvm this is.</summary>
internal static class OwnVersion
{
    internal static string Number { get; } = typeof(OwnVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
