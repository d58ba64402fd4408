using System.Text.Json.Nodes;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>Who the file server is to the host's files: never more than the container could become under runc, whatever its guest asks for.</summary>
internal sealed record FileServerIdentity : IWireValue<FileServerIdentity>
{
    // With these root acts for every user of the guest. Without one of them each request is made in the name of its caller.
    private static readonly CapabilitySet ActsForAll = CapabilitySet.Of(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"]);

    private static readonly string[] TakesAnyName = ["CAP_SETUID", "CAP_SETGID"];

    /// <summary>what is left of its capabilities</summary>
    internal CapabilitySet Capabilities { get; init; }

    /// <summary>whose name it may take, beside root's, without any capability</summary>
    internal uint User { get; init; }

    /// <summary>of that user</summary>
    internal uint Group { get; init; }

    /// <summary>further groups of the container's process</summary>
    internal IReadOnlyList<uint> Groups { get; init; } = [];

    /// <summary>Whether each request is made in the name of its caller.</summary>
    internal bool IsCallers => !Capabilities.Contains(ActsForAll);

    /// <summary>Whether no mode of a file or folder keeps root from it.</summary>
    internal bool OverridesModes => Capabilities.Contains(CapabilitySet.Of(["CAP_DAC_OVERRIDE"]));

    /// <summary>The same for one that serves nothing that may be written: who else writes it does not matter
    /// then.</summary>
    internal FileServerIdentity ForReading() => this with
    {
        Capabilities = new CapabilitySet(
            Capabilities.Bits & ~CapabilitySet.Of([SandboxSpec.LeaseCapability]).Bits),
    };

    /// <summary>What it takes to become that.</summary>
    internal CapabilitySet ToBegin => IsCallers ? new CapabilitySet(Capabilities.Bits | CapabilitySet.Of(TakesAnyName).Bits) : Capabilities;

    /// <summary>A pod's containers are any users, and what each may do its kernel decides.</summary>
    internal static FileServerIdentity OfPod { get; } =
        new() { Capabilities = Of(SandboxSpec.FileServerCapabilities) };

    /// <param name="process">of the container's specification</param>
    internal static FileServerIdentity Of(JsonNode? process)
    {
        string[] bounding = ProcessReader.Texts(process?["capabilities"]?["bounding"]);
        JsonNode? user = process?["user"];
        var identity = new FileServerIdentity
        {
            Capabilities = Of(bounding.Intersect(SandboxSpec.FileServerCapabilities)),
            User = user?["uid"]?.GetValue<uint>() ?? 0,
            Group = user?["gid"]?.GetValue<uint>() ?? 0,
            Groups = [.. ProcessReader.Items(user?["additionalGids"]).Select(static id => id!.GetValue<uint>())],
        };
        return !identity.IsCallers ? identity : identity with
        {
            Capabilities = new CapabilitySet(identity.Capabilities.Bits | CapabilitySet.Of(bounding.Intersect(TakesAnyName)).Bits),
        };
    }

    // One that could become any file's owner may have what owners may.
    private static CapabilitySet Of(IEnumerable<string> names)
    {
        CapabilitySet named = CapabilitySet.Of(names);
        return named.Contains(ActsForAll)
            ? new CapabilitySet(named.Bits | CapabilitySet.Of([SandboxSpec.LeaseCapability]).Bits) : named;
    }

    public void Write(WireWriter w)
    {
        w.UInt64(Capabilities.Bits);
        w.UInt32(User);
        w.UInt32(Group);
        w.List(Groups, static (w, group) => w.UInt32(group));
    }

    public static FileServerIdentity Read(ref WireReader r) => new()
    {
        Capabilities = new CapabilitySet(r.UInt64()),
        User = r.UInt32(),
        Group = r.UInt32(),
        Groups = r.List(static (ref WireReader r) => r.UInt32()),
    };
}
