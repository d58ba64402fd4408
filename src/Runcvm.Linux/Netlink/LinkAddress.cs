namespace Runcvm.Linux.Netlink;

/// <summary>An address of an interface as the kernel lists it.</summary>
/// <param name="LinkIndex">the interface</param>
/// <param name="Address">4 bytes (IPv4) or 16 (IPv6)</param>
/// <param name="PrefixLength">bits of the network's part</param>
/// <param name="Scope">RT_SCOPE_* of rtnetlink(7): 0 global, 253 link</param>
/// <param name="Flags">its state</param>
public sealed record LinkAddress(int LinkIndex, byte[] Address, byte PrefixLength, byte Scope, AddressFlags Flags)
{
    /// <summary>Whether this is an IPv6 address.</summary>
    public bool IsIPv6 => Address.Length == 16;
}

/// <summary>IFA_F_* of if_addr.h; those that this project looks at.</summary>
[Flags]
public enum AddressFlags : uint
{
    /// <summary>IFA_F_SECONDARY (IPv4) and IFA_F_TEMPORARY (IPv6), which are one bit</summary>
    Temporary = 0x01,
    /// <summary>IFA_F_NODAD: used without asking whether another machine has it</summary>
    NoDuplicateDetection = 0x02,
    /// <summary>IFA_F_DADFAILED: another machine has it</summary>
    Duplicate = 0x08,
    /// <summary>IFA_F_TENTATIVE: still being asked for</summary>
    Tentative = 0x40,
    /// <summary>IFA_F_PERMANENT: no lifetime, so not learnt from a router</summary>
    Permanent = 0x80,
}
