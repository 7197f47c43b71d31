/* A prediction of the model 'sequential_1278', written by fastnn 0.1.0.
 *
 *     void iris_predict(const float *x, float *y);
 *
 * One sample at a time, in arrays that do not overlap:
 *     x: 4 numbers, a sample of shape (4,)
 *     y: 3 numbers, a sample of shape (3,)
 *
 * For example, after filling the inputs:
 *     static float x[4], y[3];
 *     iris_predict(x, y);
 *
 * C99 with <math.h> alone (link with -lm). Nothing is allocated and nothing kept between calls:
 * several threads may call it at once. Values between the layers take
 * 76 bytes of stack.
 */
#include <math.h>

/* y[rows, units] = x[rows, inputs] . w[inputs, units] + b[units], which may be missing */
static void iris_dense(long rows, long inputs, long units, const float *x, const float *w, const float *b, float *y)
{
    for (; rows > 0; --rows, x += inputs, y += units) {
        for (long j = 0; j < units; ++j) y[j] = b ? b[j] : 0;
        for (long k = 0; k < inputs; ++k)
            for (long j = 0; j < units; ++j) y[j] += x[k] * w[k * units + j];
    }
}

static float iris_gelu(float x) { return x < -40 ? 0 : x * (0.5f + 0.5f * erff(x * 0.70710678118654752440f)); }

/* y[rows, width] = x[rows, n] . scale[width] + shift[width], rows of x repeated; either may be missing; y may be x */
static void iris_affine(long rows, long n, long width, const float *x, const float *scale, const float *shift, float *y)
{
    for (; rows > 0; --rows, x += n, y += width)
        for (long j = 0; j < width; ++j) y[j] = x[j % n] * (scale ? scale[j] : 1) + (shift ? shift[j] : 0);
}

/* y[rows, n] = exp(x) / sum(exp(x)); y may be x */
static void iris_softmax(long rows, long n, const float *x, float *y)
{
    for (; rows > 0; --rows, x += n, y += n) {
        float largest = x[0], sum = 0;
        for (long j = 1; j < n; ++j) largest = x[j] > largest ? x[j] : largest;
        for (long j = 0; j < n; ++j) sum += y[j] = expf(x[j] - largest);
        for (long j = 0; j < n; ++j) y[j] /= sum;
    }
}

static const float iris_dense_911_kernel[64] = {
    -0x1.872874p-2f, -0x1.ccd038p-3f, -0x1.7a9efap-2f, 0x1.daa3fap-3f, 0x1.59f994p-5f, 0x1.e7a382p-2f,
    0x1.cba3cp-4f, -0x1.3278d2p-3f, 0x1.b3cdd4p-2f, -0x1.baf43p-4f, -0x1.133b3cp-2f, -0x1.6fe726p-2f,
    0x1.7c5568p-2f, 0x1.472236p-3f, -0x1.55dee4p-4f, 0x1.cfc32cp-2f, -0x1.8f8fa6p-2f, -0x1.20ad86p-2f,
    0x1.f40482p-3f, 0x1.8b8262p-3f, 0x1.cd2f6cp-2f, -0x1.9b8ca2p-2f, -0x1.0bf054p-1f, -0x1.5b27a2p-3f,
    -0x1.eb381cp-2f, -0x1.e7ac1ep-3f, 0x1.3670fap-8f, 0x1.4b27e6p-2f, -0x1.19148cp-1f, 0x1.f01456p-2f,
    -0x1.abbab2p-3f, -0x1.9368dcp-3f, 0x1.26b4cep-5f, 0x1.290704p-2f, -0x1.090df8p-4f, -0x1.f5aecap-2f,
    -0x1.3a15e4p-2f, 0x1.2551b4p-3f, 0x1.1481cp-4f, -0x1.364126p-2f, 0x1.3905bep-2f, 0x1.101d18p-6f,
    -0x1.fce948p-2f, 0x1.9ecb44p-3f, 0x1.172834p-3f, -0x1.79d838p-2f, -0x1.7da8b6p-2f, 0x1.05a1aep-1f,
    0x1.a3a4b4p-5f, 0x1.623f32p-2f, 0x1.0e4862p-1f, 0x1.800164p-2f, 0x1.48501ep-3f, 0x1.88851p-2f,
    0x1.f86744p-3f, -0x1.bcb21ep-5f, 0x1.20b06ep-4f, 0x1.0353f6p-1f, 0x1.ead90ap-3f, 0x1.e6df64p-2f,
    -0x1.15cfe6p-1f, 0x1.0dacf8p-3f, 0x1.8e96p-5f, -0x1.38472cp-3f
};

static const float iris_dense_911_bias[16] = {
    -0x1.e9d7d2p-8f, -0x1.33abbp-7f, -0x1.9754cp-8f, -0x1.bda47ep-9f, 0x1.e07eb6p-10f, -0x1.f8b424p-8f,
    -0x1.f5bb42p-8f, -0x1.1dc11cp-8f, 0x1.97769cp-9f, 0x1.c35a62p-8f, -0x1.cdf048p-8f, 0x1.3168a6p-7f,
    -0x1.5ca0c8p-11f, -0x1.3342fp-9f, 0x1.c272c6p-10f, 0x1.23cf14p-9f
};

static const float iris_scale[16] = {
    0x1.0af444p+0f, 0x1.0a6b14p+0f, 0x1.0b1e2cp+0f, 0x1.0b9c4ep+0f, 0x1.0ae0dap+0f, 0x1.0b223ap+0f,
    0x1.0ae6fep+0f, 0x1.0c1e76p+0f, 0x1.0d258cp+0f, 0x1.0dbfbep+0f, 0x1.0aeb3ap+0f, 0x1.0df64ep+0f,
    0x1.0b367ap+0f, 0x1.0a7e36p+0f, 0x1.0d556ap+0f, 0x1.0ac514p+0f
};

static const float iris_shift[16] = {
    0x1.19e7f2p-6f, 0x1.9d45d4p-13f, -0x1.be2146p-8f, -0x1.dc1a2ap-9f, -0x1.d4961p-7f, -0x1.b416c2p-7f,
    -0x1.8c217p-19f, 0x1.1ae7cap-7f, -0x1.e5a5c2p-7f, -0x1.38f8dp-7f, 0x1.7cafd4p-7f, -0x1.6696dep-6f,
    0x1.66b134p-7f, -0x1.ea1178p-7f, 0x1.f1bdep-7f, -0x1.14a5d4p-6f
};

static const float iris_dense_912_kernel[48] = {
    0x1.511698p-2f, 0x1.d9d7e4p-2f, 0x1.9f72ccp-2f, 0x1.f8bb48p-3f, 0x1.0df758p-1f, 0x1.dfe6e4p-2f,
    -0x1.0f7bbp-1f, 0x1.e89196p-3f, -0x1.bacd24p-11f, -0x1.65d9b4p-2f, -0x1.2773d2p-3f, -0x1.2f866ep-4f,
    -0x1.ab389ap-3f, -0x1.dea526p-2f, -0x1.630398p-2f, 0x1.39efdap-2f, 0x1.644596p-2f, 0x1.8ffe3p-2f,
    0x1.084d86p-3f, 0x1.1b0adap-1f, -0x1.55228ep-2f, -0x1.ceaffp-6f, -0x1.21874cp-2f, -0x1.ec2284p-2f,
    0x1.23732p-4f, -0x1.050aacp-1f, -0x1.56a5fcp-2f, -0x1.059e66p-7f, -0x1.6c322p-3f, -0x1.e41526p-3f,
    -0x1.b466a6p-3f, 0x1.da48e2p-2f, 0x1.c8b118p-3f, 0x1.f405e6p-2f, -0x1.4ea7f6p-4f, 0x1.bf8e5ep-2f,
    0x1.001fcp-4f, 0x1.6d32d6p-6f, 0x1.b700f8p-2f, 0x1.8e04e8p-2f, -0x1.bac598p-2f, 0x1.2fea74p-3f,
    -0x1.f89aep-2f, -0x1.befdd6p-4f, 0x1.3bc494p-2f, -0x1.858ab4p-2f, -0x1.732facp-8f, 0x1.dbd06ep-2f
};

static const float iris_dense_912_bias[3] = {
    -0x1.dde19p-8f, 0x1.6b206p-13f, 0x1.b5048p-9f
};

void iris_predict(const float *x, float *y);
void iris_predict(const float *x, float *y)
{
    float work[19];
    iris_dense(1, 4, 16, x, iris_dense_911_kernel, iris_dense_911_bias, work);
    for (long i = 0; i < 16; ++i) work[i] = iris_gelu(work[i]);
    iris_affine(1, 16, 16, work, iris_scale, iris_shift, work);
    iris_dense(1, 16, 3, work, iris_dense_912_kernel, iris_dense_912_bias, (work + 16));
    iris_softmax(1, 3, (work + 16), y);
}
