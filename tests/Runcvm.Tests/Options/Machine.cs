using Runcvm.Options;

namespace Runcvm.Tests.Options;

/// <summary>Options on a host with 8 CPUs, QEMU, and a /dev/kvm that is not real.</summary>
internal static class Machine
{
    internal static readonly SpecResources NoLimits = new(null, null, null, null, false);
    internal static readonly HostFacts Host = new(8, false, null, "/usr/bin/qemu-system-x86_64", true);

    internal static MachineOptions With(params string[] environment) => With(NoLimits, environment);

    internal static MachineOptions With(SpecResources resources, params string[] environment)
        => With(Host, new HostConfig(), resources, environment);

    internal static MachineOptions With(HostFacts host, HostConfig config, SpecResources resources, params string[] environment)
        => MachineOptions.From(environment, config, host, resources, out _);

    internal static string Refusal(params string[] environment) => Refusal(Host, environment);

    internal static string Refusal(HostFacts host, params string[] environment)
        => Assert.Throws<UsageException>(() => With(host, new HostConfig(), NoLimits, environment)).Message;

    internal static IReadOnlyList<string> Warnings(params string[] environment)
    {
        _ = MachineOptions.From(environment, new HostConfig(), Host, NoLimits, out IReadOnlyList<string> warnings);
        return warnings;
    }
}
