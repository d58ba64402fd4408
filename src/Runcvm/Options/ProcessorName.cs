using System.Runtime.InteropServices;

namespace Runcvm.Options;

/// <summary>What messages and configuration call a processor's architecture.</summary>
internal static class ProcessorName
{
    internal static string Of(Architecture architecture) => architecture switch
    {
        Architecture.X64 => "x86-64",
        Architecture.Arm64 => "arm64",
        _ => architecture.ToString(),
    };

    internal static Architecture? TryParse(string name)
        => name == Of(Architecture.X64) ? Architecture.X64 : name == Of(Architecture.Arm64) ? Architecture.Arm64 : null;
}
