using Runcvm.Linux.Bpf;

namespace Runcvm.Egress;

/// <summary>Where this kernel keeps what it will do to a frame after the program has seen it.</summary>
/// <param name="Cast">number of the function that gives a program the kernel's own view of a frame</param>
/// <param name="Summed">bits to the two that say how far a checksum is</param>
/// <param name="ChecksumStart">bytes to where the sum that is still missing begins, counted from the buffer's
/// beginning</param>
/// <param name="ChecksumOffset">bytes to how far behind that it will be written</param>
/// <param name="Head">bytes to the buffer's address</param>
/// <param name="Data">bytes to the frame's address</param>
internal sealed record FrameLayout(int Cast, int Summed, int ChecksumStart, int ChecksumOffset, int Head, int Data)
{
    /// <summary>A checksum that the next network card shall fill in.</summary>
    internal const int Partial = 3;

    private static readonly string[] Members = ["ip_summed", "csum_start", "csum_offset", "head", "data"];

    /// <summary>Null where the kernel has no such function, or does not say how its types are laid out.</summary>
    internal static FrameLayout? TryRead()
    {
        const string Frame = "sk_buff";
        if (KernelTypes.TryRead() is not { } types
            || types.Function("bpf_cast_to_kern_ctx") is not { } cast) return null;
        int?[] members = [.. Members.Select(name => types.BitOffset(Frame, name))];
        return members is [{ } summed, { } start, { } offset, { } head, { } data]
            ? new FrameLayout(cast, summed, start / 8, offset / 8, head / 8, data / 8)
            : null;
    }
}
