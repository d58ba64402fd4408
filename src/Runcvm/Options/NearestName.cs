namespace Runcvm.Options;

/// <summary>Finds what a misspelt name was probably meant to be.</summary>
internal static class NearestName
{
    // The distance costs the product of both lengths; a name of this length is no slip of the finger any more.
    private const int LongestName = 100;

    internal static string Of(string name, IEnumerable<string> known)
    {
        string cut = name.Length <= LongestName ? name : name[..LongestName];
        return known.MinBy(candidate => Distance(cut, candidate))!;
    }

    /// <summary>Levenshtein's distance: insertions, deletions and replacements that lead from one to the other.</summary>
    internal static int Distance(string from, string to)
    {
        int[] row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
