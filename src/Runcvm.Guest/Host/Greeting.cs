using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Host;

/// <summary>The first word to a host.</summary>
internal static class Greeting
{
    /// <param name="milliseconds">since the guest began to run</param>
    internal static Hello Of(uint milliseconds)
        => new(Hello.CurrentVersion, File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), milliseconds);
}
