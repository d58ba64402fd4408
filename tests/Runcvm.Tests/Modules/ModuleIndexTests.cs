using System.Text;
using Runcvm.Guest.Modules;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Modules;

public sealed class ModuleIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ModuleIndexTests()
    {
        _folder.Write(
            "modules.dep",
            """
            kernel/net/nat.ko: kernel/net/conntrack.ko kernel/net/defrag.ko kernel/lib/libcrc.ko
            kernel/net/conntrack.ko: kernel/net/defrag.ko kernel/lib/libcrc.ko
            kernel/net/defrag.ko:
            kernel/lib/libcrc.ko:
            kernel/crypto/crc32c-intel.ko:
            kernel/crypto/crc32c_generic.ko:
            kernel/net/xt_MASQUERADE.ko: kernel/net/nat.ko kernel/net/conntrack.ko kernel/net/defrag.ko kernel/lib/libcrc.ko
            kernel/a.ko:
            kernel/b.ko:
            """);
        _folder.Write(
            "modules.alias",
            """
            # Aliases extracted from modules themselves.
            alias crypto-crc32c crc32c_intel
            alias crypto-crc32c crc32c_generic
            alias ipt_MASQUERADE xt_MASQUERADE
            alias pci:v00001AF4d*sv*sd*bc*sc*i* a
            alias cpu:type:x86,ven*fam*mod*:feature:*,0094,* b
            alias dangling not_there
            """);
        _folder.Write("modules.softdep", "# Soft dependencies\nsoftdep libcrc pre: crypto-crc32c post: b\nsoftdep a pre: b\nsoftdep b pre: a missing\n");
        _folder.Write("modules.builtin", "kernel/fs/ext4/ext4.ko\n");
        _folder.Write("modules.builtin.modinfo", "ext4.license=GPL\0ext4.alias=fs-ext4\0af_packet.alias=net-pf-17\0");
    }

    public void Dispose() => _folder.Dispose();

    private string? Plan(string name)
    {
        List<PlannedModule>? plan = new ModuleIndex(_folder.Path).Plan(name);
        return plan is null ? null : string.Join(' ', plan.Select(m => m.Wanted ? $"[{m.Name}]" : m.Name));
    }

    [Theory]
    [InlineData("defrag", "[defrag]")]
    [InlineData("nat", "crc32c_intel crc32c_generic libcrc a b defrag conntrack [nat]")]
    [InlineData("ipt-MASQUERADE", "crc32c_intel crc32c_generic libcrc a b defrag conntrack nat [xt_MASQUERADE]")]
    [InlineData("crc32c_intel", "[crc32c_intel]")]
    [InlineData("crypto-crc32c", "[crc32c_intel] [crc32c_generic]")]
    [InlineData("crypto_crc32c", "[crc32c_intel] [crc32c_generic]")]
    [InlineData("pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00", "b [a]")]
    [InlineData("cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0094,0099,", "a [b]")]
    [InlineData("ext4", "")]
    [InlineData("fs-ext4", "")]
    [InlineData("net-pf-17", "")]
    [InlineData("dangling", null)]
    [InlineData("netdev-eth0", null)]
    [InlineData("", null)]
    public void Names_lead_to_files_in_load_order(string name, string? plan) => Assert.Equal(plan, Plan(name));

    [Fact]
    public void A_folder_without_indexes_answers_nothing() => Assert.Null(new ModuleIndex("/no/such/folder").Plan("ext4"));

    [Theory]
    [InlineData("abc", "abc", true)]
    [InlineData("a-b_c", "a_b-c", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "ac", false)]
    [InlineData("*", "", true)]
    [InlineData("a*", "a", true)]
    [InlineData("a*b*c", "axxbyybzc", true)]
    [InlineData("a*b*c", "axxbyybz", false)]
    [InlineData("input:b*v*e*-e*1,*k*4[0-4a],*", "input:b0003v1e0-e0,1,k42,x", true)]
    [InlineData("x[0-9a]y", "xay", true)]
    [InlineData("x[0-9a]y", "xby", false)]
    [InlineData("x[", "x[", true)]
    [InlineData("abc", "abcd", false)]
    public void Aliases_are_shell_patterns(string pattern, string name, bool matches)
        => Assert.Equal(matches, ModuleName.Matches(Encoding.UTF8.GetBytes(pattern), Encoding.UTF8.GetBytes(name)));
}
