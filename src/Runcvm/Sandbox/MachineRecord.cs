using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>What `create` knows of a machine that nobody needs to run it, only to tell people about it.</summary>
internal sealed record MachineRecord : IWireValue<MachineRecord>
{
    /// <summary>DIST/VERSION of the kernel</summary>
    internal required string Kernel { get; init; }

    /// <summary>the engine's folder with config.json</summary>
    internal required string Bundle { get; init; }

    /// <summary>milliseconds since 1970</summary>
    internal long Created { get; init; }

    /// <summary>serial number and file on the host of each disk</summary>
    internal IReadOnlyList<KeyValuePair<string, string>> Disks { get; init; } = [];

    /// <summary>hypervisor, kernel and initramfs on the host</summary>
    internal IReadOnlyList<string> Programs { get; init; } = [];

    internal IReadOnlyList<BootStep> Steps { get; init; } = [];

    public void Write(WireWriter w)
    {
        w.Text(Kernel);
        w.Text(Bundle);
        w.Int64(Created);
        w.List(Disks, static (w, disk) =>
        {
            w.Text(disk.Key);
            w.Text(disk.Value);
        });
        w.Texts(Programs);
        w.List(Steps, static (w, step) => step.Write(w));
    }

    public static MachineRecord Read(ref WireReader r) => new()
    {
        Kernel = r.Text(),
        Bundle = r.Text(),
        Created = r.Int64(),
        Disks = r.List(static (ref WireReader r) => KeyValuePair.Create(r.Text(), r.Text())),
        Programs = r.Texts(),
        Steps = r.List(BootStep.Read),
    };
}
