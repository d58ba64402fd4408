namespace Runcvm.FirecrackerDouble;

/// <summary>From the most important to the least.</summary>
internal enum LogLevel
{
    Off,
    Error,
    Warning,
    Info,
    Debug,
    Trace,
}
