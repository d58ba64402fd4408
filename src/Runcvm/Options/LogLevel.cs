namespace Runcvm.Options;

/// <summary>How much RunCVM itself writes to the container's log. The order is the amount.</summary>
internal enum LogLevel
{
    Off,
    Error,
    Info,
    Debug,
}
