/**
 * Counts what one producer or consumer did and how long it took, in buckets
 * whose width is about 3 % of their value. One thread counts; any may read.
 */
final class Meter {
    private static final int SUB_BITS = 5;
    private static final int SUB = 1 << SUB_BITS;

    private volatile long total; // written by the counting thread alone
    private final long[] buckets = new long[64 * SUB];
    volatile boolean record;

    static Meter[] several(int n) {
        Meter[] meters = new Meter[n];
        for (int i = 0; i < n; i++) {
            meters[i] = new Meter();
        }
        return meters;
    }

    void count(int messages, long nanos) {
        total += messages;
        if (record) {
            buckets[bucket(Math.max(nanos, 0))]++;
        }
    }

    private static int bucket(long nanos) {
        int shift = 64 - SUB_BITS - 1 - Long.numberOfLeadingZeros(nanos);
        return shift <= 0 ? (int) nanos : shift * SUB + (int) (nanos >>> shift);
    }

    /** The lower end of a bucket, ns. */
    private static long value(int bucket) {
        int shift = bucket / SUB - 1;
        return shift <= 0 ? bucket : (long) (bucket - shift * SUB) << shift;
    }

    static long total(Meter[] meters) {
        long sum = 0;
        for (Meter meter : meters) {
            sum += meter.total;
        }
        return sum;
    }

    /** The time that this share of all recorded ones did not exceed, ns. */
    static long quantile(Meter[] meters, double share) {
        long[] sum = new long[64 * SUB];
        long all = 0;
        for (Meter meter : meters) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += meter.buckets[i];
                all += meter.buckets[i];
            }
        }
        long below = 0;
        for (int i = 0; i < sum.length; i++) {
            below += sum[i];
            if (all > 0 && below >= share * all) {
                return value(i);
            }
        }
        return 0;
    }
}
